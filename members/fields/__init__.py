"""What administrators want to know of members beyond what the product knows by itself."""
