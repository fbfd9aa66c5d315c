"""The same service as a container, on Kubernetes and on AWS Lambda."""
