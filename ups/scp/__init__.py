"""The SCP: the service as a function from request to outcome, what it decides by, where it keeps them."""
