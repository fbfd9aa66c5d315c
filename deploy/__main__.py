"""Deploy the service and the site, and check the deployment.

python -m deploy container build
python -m deploy container push --registry registry.example.org/team
python -m deploy kubernetes render --overlay one-machine | kubectl apply -f -
python -m deploy aws plan --image music-genre-lambda:0.1.0 --region eu-central-1
python -m deploy smoke http://localhost:3000
"""

import argparse
import sys

from deploy import licenses, smoke
from deploy.aws import command as aws
from deploy.container import command as container
from deploy.kubernetes import command as kubernetes


def main() -> int:
    """Run one command; return 0 if all is well, 1 if not, 2 for wrong usage and 130 if interrupted."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parts = parser.add_subparsers(required=True, metavar="PART")
    for part in (container, kubernetes, aws, smoke, licenses):
        part.add_commands(parts)
    asked = parser.parse_args()
    try:
        return int(asked.run(asked))
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
