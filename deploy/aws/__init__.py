"""The service on AWS Lambda, made, changed, looked at and removed by `python -m deploy aws`; see deploy.aws.command."""
