"""Pages of consent: for members on their phone, and for administrators."""
