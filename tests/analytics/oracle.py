"""Slow and obvious twins of the kernels: they try everything and follow the definitions word by word."""

from __future__ import annotations

from itertools import combinations, permutations, product

# An event here is (time, set of steps it fits, set of exclusions it fits), numbered by its place in the list.


def events(shard, lens):
    """What a lens is about of what may be looked at: (member, instant, kind, group, channel) in the order of the shard,
    and what the event is to the lens."""
    found = []
    for m, member in enumerate(shard.members.tolist()):
        if len(shard.skip) and shard.skip[m]:
            continue
        for at, kind, group, channel in zip(
            *(column[shard.offsets[m] : shard.offsets[m + 1]].tolist() for column in shard[2:6]), strict=True
        ):
            is_own = bool(len(shard.own)) and group == 0
            may = not len(shard.allow) or (shard.own[m] if is_own else _at(shard.allow, group, False))
            what = _at(lens.kinds, kind, lens.other)
            for table, value in ((lens.channels, channel), (lens.groups, group)):
                what &= _at(table, value, table[0]) if len(table) else -1
            if may and what and lens.since <= at < lens.until:
                found.append(((member, at, kind, group, channel), what))
    return found


def _at(table, number, beyond):
    return int(table[number] if number < len(table) else beyond)


def funnel(events, *, steps, mode, window, exclusions=(), starts=None):
    """All attempts of one member that are not void, as (times of the steps reached)."""
    ways = {"ordered": _ordered, "strict": _strict, "unordered": _unordered}[mode]
    attempts = []
    for times in ways(events, steps, window):
        if starts and not starts[0] <= times[0] < starts[1]:
            continue
        if not _void(events, times, window, exclusions):
            attempts.append(times)
    return attempts


def best(attempts):
    """The furthest; of those the first to get there; of those the latest start."""
    return max(attempts, key=lambda times: (len(times), -times[-1], times[0]), default=())


def _void(events, times, window, exclusions):
    for number, (after, before) in enumerate(exclusions):
        for at, _steps, excluded in events:
            if number not in excluded:
                continue
            if len(times) >= before:
                if times[after - 1] < at < times[before - 1]:
                    return True
            elif len(times) >= after and times[after - 1] < at <= times[0] + window:
                return True
    return False


def _ordered(events, steps, window):
    """From each start: step k as early as any chain of different events in order of time can reach it."""
    for start in sorted({at for at, fits, _x in events if 0 in fits}):
        times = []
        for k in range(steps):
            ends = [chain[-1] for chain in _chains(events, k + 1, start) if chain[-1] - start <= window]
            if not ends:
                break
            times.append(min(ends))
        yield tuple(times)


def _chains(events, length, start, used=(), last=None):
    if len(used) == length:
        yield tuple(events[i][0] for i in used)
        return
    for i, (at, fits, _x) in enumerate(events):
        in_order = at == start if last is None else at >= last
        if i not in used and len(used) in fits and in_order:
            yield from _chains(events, length, start, (*used, i), at)


def _strict(events, steps, window):
    """Every order of the events of one instant is tried, and every place to start."""
    instants = sorted({at for at, _fits, _x in events})
    orders = [list(permutations([event for event in events if event[0] == at])) for at in instants]
    for choice in product(*orders):
        line = [event for instant in choice for event in instant]
        for i in range(len(line)):
            times = []
            for k in range(min(steps, len(line) - i)):
                at, fits, _x = line[i + k]
                if k not in fits or at - line[i][0] > window:
                    break
                times.append(at)
            if times:
                yield tuple(times)


def _unordered(events, steps, window):
    """From each start: the number of different steps that different events up to a time can do."""
    for start in sorted({at for at, fits, _x in events if fits}):
        times = []
        for k in range(1, steps + 1):
            for until in sorted({at for at, _fits, _x in events if start <= at <= start + window}):
                pool = [fits for at, fits, _x in events if start <= at <= until]
                if any(
                    all(step in fits for step, fits in zip(chosen, taken, strict=True))
                    for chosen in combinations(range(steps), k)
                    for taken in permutations(pool, k)
                ):
                    times.append(until)
                    break
            else:
                break
        yield tuple(times)


# In what follows an event is (period, is it a start, is it a return); a member is a list of them.


def retention(members, *, intervals, first_time, or_after, least):
    rows = []
    for i in range(intervals):
        row = []
        for k in range(intervals - i):
            cell = 0
            for events in members:
                starts = [p for p, start, _back in events if start]
                in_cohort = bool(starts) and (min(starts) == i if first_time else i in starts)
                wanted = range(i + k, intervals) if or_after else [i + k]
                back = any(sum(1 for p, _s, r in events if r and p == q) >= least for q in wanted)
                cell += in_cohort and (k == 0 or back)
            row.append(cell)
        rows.append(row)
    return rows


def rolling(members, *, size, span):
    return [sum(1 for periods in members if any(p - span < q <= p for q in periods)) for p in range(size)]


def lifecycle(members, *, size):
    rows = [[0] * size for _ in range(4)]
    for periods in members:
        for p in range(size):
            now, before, first = p in periods, p - 1 in periods, bool(periods) and min(periods) == p
            state = (0 if first else 1 if before else 2) if now else 3 if before else None
            if state is not None:
                rows[state][p] += 1
    return rows
