"""The calls of the API, one module for each resource: validate, call one service, answer."""
