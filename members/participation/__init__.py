"""What members get for taking part: points by kind of act, as administrators decide. Nothing unless they do."""
