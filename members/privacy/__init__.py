"""What a person may ask for: a copy of what is held, and that it goes. How long each kind of data is kept."""
