"""Images of the service and the site."""
