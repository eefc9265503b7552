"""Work on many groups or members at once: chosen in a list, previewed, done in the background, and undone.

How a part of the product offers an action. Once, when the app starts (AppConfig.ready), it says what can be chosen and
what can be done with it:

    register_subject(BulkSubject("member", _("Members"), Member))
    register_action(
        BulkAction(
            slug="member.tag",
            subject="member",
            label=_("Put a tag on"),
            icon="tag",
            questions=(Question("tag", _("Tag"), choices=lambda user: [("7", "VIP")]),),
            sentence=lambda user, params: _("Put on the tag %(name)s") % {"name": "VIP"},
            unchanged=lambda user, params: [(_("has the tag already"), Exists(...))],
            apply=tag_put,      # (members, params, by, now) -> {pk: Changed(undo={...}) or Unchanged(reason)}
            undo=tag_take_back, # ([(member, undo), ...], params, by, now) -> {pk: reason why it was kept}
        )
    )

`params` is what was answered: {question name: text}, checked against the choices. `unchanged` names, in SQL, those that
stay as they are and why: the preview counts by it and the run leaves them out, so `apply` sees only the others. It is
called with at most CHUNK objects in one transaction; what it answers for each is kept, and what it leaves out counts as
unchanged. `undo` gets back the data of Changed, and leaves alone (with a reason) what was changed since. Both find
only objects that the person may see (`Model.objects.visible_to`).

How a list offers it. In the module of the view, at its end:

    selectable("member", "members:list", member_listing)     # member_listing(request) -> Listing

The first column of the list is `select_column()`. In its template, inside <div id="{{ listing.id }}">:

    <td>{% include "console/groups/bulk_box.html" with pk=member.pk name=member.name %}</td>   first cell of each row
    {% include "console/groups/bulk_bar.html" with subject="member" %}                          after the card

both only if `user.may_write`; and in the block `scripts` the module js/bulk.js. `listing.rows` and `listing.queryset`
are used as they are; "all that match" means the list's queryset at the moment of starting.
"""
