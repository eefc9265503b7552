"""What members agree to before they take part: a text in versions, and who agreed to which."""
