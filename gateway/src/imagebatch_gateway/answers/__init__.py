"""What the calls answer: models, problem details, links, conditions of HTTP."""
