"""Services: models and workflows, published under a name, in versions."""
