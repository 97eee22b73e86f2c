"""Ways to put a message in a person's hands; each module is one ``signer.ports.Channel``."""
