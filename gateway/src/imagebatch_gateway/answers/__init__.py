"""Responses: their models, problem details, links and conditional requests."""
