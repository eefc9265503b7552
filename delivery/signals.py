"""News upwards. The apps above connect in their AppConfig.ready with a dispatch_uid."""

from __future__ import annotations

from django.dispatch import Signal

# Deliveries have reached a state in which nothing more is done for them. Sent after the row was written, outside a
# transaction of this app. Arguments: `ids`, the ids of the deliveries.
settled = Signal()

# Destinations were switched off by their receivers, or on again by a person. Arguments: `ids`, the ids of the
# destinations; `switched_off` also has `code`, why (see delivery/reasons.py), and `now`.
switched_off = Signal()
switched_on = Signal()
