from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CampaignsConfig(AppConfig):
    name = "campaigns"

    def ready(self) -> None:
        from campaigns import receivers, words
        from campaigns.activities import kinds as activity_kinds
        from campaigns.activities import words as activity_words
        from campaigns.activities.rituals import register_rituals as register_activities
        from campaigns.activities.tiles import register_tiles as register_activity_tiles
        from campaigns.brainstorms import arrivals as brainstorm_arrivals
        from campaigns.brainstorms import ritual as brainstorm_ritual
        from campaigns.brainstorms import words as brainstorm_words
        from campaigns.brainstorms.tile import tile as brainstorm_tile
        from campaigns.checkins import arriving as check_ins_arriving
        from campaigns.checkins import ritual as check_in_ritual
        from campaigns.checkins import tile as check_in_tile
        from campaigns.checkins import words as check_in_words
        from campaigns.content import bulk as content_bulk
        from campaigns.content import words as content_words
        from campaigns.content.importer import PiecesImporter
        from campaigns.content.variables import fill_for_group
        from campaigns.deliveries import bulk as deliveries_bulk
        from campaigns.envelopes import words as envelope_words
        from campaigns.envelopes.tiles import envelope_tile
        from campaigns.moments import kinds as moment_kinds
        from campaigns.moments import words as moment_words
        from campaigns.orders.importer import OrdersImporter
        from campaigns.playbooks import kinds as playbook_kinds
        from campaigns.playbooks import words as playbook_words
        from campaigns.posts.guards import hold_to_limits
        from campaigns.prizes import words as prize_words
        from campaigns.proposals import words as proposal_words
        from campaigns.proposals.tile import tile as proposal_tile
        from campaigns.stories import words as story_words
        from delivery import registry
        from members.imports.importers import register
        from members.privacy.treatments import Fate, Treatment, treat
        from members.visitors.tiles import register_tile

        receivers.connect()
        registry.set_filler(fill_for_group)
        registry.guard(hold_to_limits)
        register(OrdersImporter())
        register(PiecesImporter())
        words.register()
        story_words.register()
        prize_words.register()
        proposal_words.register()
        register_tile("proposals", 71, proposal_tile)
        brainstorm_words.register()
        brainstorm_ritual.register()
        brainstorm_arrivals.register()
        register_tile("brainstorms", 30, brainstorm_tile)
        envelope_words.register()
        register_tile("envelopes", 50, envelope_tile)
        check_in_words.register()
        check_ins_arriving.register()
        check_in_tile.register()
        check_in_ritual.register()
        content_words.register()
        content_bulk.register()
        deliveries_bulk.register_actions()
        playbook_words.register()
        playbook_kinds.register_kinds()
        treat("campaigns.playbookrun", Treatment(_("runs of playbooks"), Fate.STAYS))
        moment_words.register()
        moment_kinds.register_kinds()
        treat("campaigns.order", Treatment(_("orders"), Fate.STAYS, blank={"order_id": ""}))
        activity_words.register()
        activity_kinds.register_kinds()
        register_activities()
        register_activity_tiles()
