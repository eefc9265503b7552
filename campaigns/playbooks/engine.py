"""What carries playbooks out: begins runs, does what is due, and ends what has lost its reason.

All of it may run twice and twice at once. A run is made under the lock of its playbook, so that an edit at the same
time knows it. A step moves by what is read under its own lock and filtered on the state before it: whoever calls it off
waits for whoever carries it out, and then finds what became of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from campaigns.playbooks.beginning import runs_begin
from campaigns.playbooks.carrying import message_say, tasks_give
from campaigns.playbooks.ending import runs_end, runs_finish
from campaigns.playbooks.models import StepKind, StepRun
from campaigns.playbooks.services import plans_take_over

BATCH = 200


@dataclass
class Ticked:
    """What one tick did."""

    begun: int = 0
    carried_out: int = 0
    ended: int = 0


def playbooks_tick(*, now: datetime) -> Ticked:
    """One round of everything."""
    done = Ticked()
    plans_take_over(now=now)
    done.begun = runs_begin(now=now)
    done.ended = runs_end(now=now)
    done.carried_out = steps_carry_out(now=now)
    runs_finish(now=now)
    return done


def steps_carry_out(*, now: datetime) -> int:
    """Carries out what is due; returns how many steps were settled or given to the staff."""
    done = 0
    said = StepRun.objects.due(now).filter(step__kind=StepKind.MESSAGE).order_by("due_at")
    for step_id, group_id, due_at in list(said.values_list("step_id", "run__group_id", "due_at").distinct()):
        done += message_say(step_id=step_id, group_id=group_id, due_at=due_at, now=now)
    while batch := tasks_give(now=now, most=BATCH):
        done += batch
    return done
