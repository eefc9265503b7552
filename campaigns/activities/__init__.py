"""Activities that members are invited to: sign-up, places, reminders, attendance and what they thought of it."""
