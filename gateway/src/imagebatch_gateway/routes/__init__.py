"""Routes of the API, one module per resource. A route validates, calls a service and responds."""
