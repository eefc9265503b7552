"""Who opens the pages of members: personal links, and devices that stay signed in."""
