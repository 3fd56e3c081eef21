"""How the models that ship with Inhouse were made."""
