"""How fast a client of a radiologist gets pictures, pixels and metadata over HTTP.

Each measure is taken in two orders, because they show different things. One server after the
other, the next request goes out at once, so nothing can be made ahead; in turns, each server has
the time that the other one takes, as it has while a person looks at a slice.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.files import renewed
from benchmarks.peers import Peer
from benchmarks.pictures import kinds
from benchmarks.rows import Row
from benchmarks.series import Series

REPEATS = 40
"""For answers that may be asked again; medians of fewer jump about."""
JSON = "application/dicom+json"
JPEG = "image/jpeg"
OCTETS = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One thing that clients do, as a series of requests that each server gets once."""

    name: str
    paths: Sequence[str]
    accept: str
    encoding: str = "identity"
    aim: float | None = None

    def ask(self, peer: Peer, path: str) -> float:
        """Return the milliseconds from a request to the end of its answer."""
        headers = {"Accept": self.accept, "Accept-Encoding": self.encoding}
        return peer.timed(path, **headers) * 1e3


def reading(ours: Peer, theirs: Peer, series: Series, *, pictures: int) -> Iterator[Row]:
    """Measure with two copies of a CT series, and with `pictures` of every other kind."""
    for order in ("one by one", "in turns"):
        copy = renewed(series)
        for peer in (ours, theirs):
            peer.store(copy)
            peer.settle()
        for measure in measures(copy):
            yield _row(order, measure, ours, theirs)
    for name, each in kinds(pictures + 1):
        for peer in (ours, theirs):
            peer.store(each)
            peer.settle()
        *paths, spare = _rendered(each, pictures + 1)
        measure = Measure(name=f"{name}, first", paths=paths, accept=JPEG, aim=1)
        yield _row(
            "in turns" if theirs.answers(spare, Accept=JPEG) else "alone", measure, ours, theirs
        )


def _root(series: Series) -> str:
    return f"/studies/{series.study_uid}/series/{series.series_uid}"


def _rendered(series: Series, count: int) -> Sequence[str]:
    instances = [f"{_root(series)}/instances/{uid}" for uid in series.sop_instance_uids]
    if len(instances) == count:
        return [f"{each}/rendered" for each in instances]
    return [f"{instances[0]}/frames/{number + 1}/rendered" for number in range(count)]


def measures(series: Series) -> Sequence[Measure]:
    """Return what is measured on a CT series; first times come before repeats."""
    root, count = _root(series), len(series.files)
    rendered = _rendered(series, count)
    frames = [f"{root}/instances/{uid}/frames/1" for uid in series.sop_instance_uids]
    metadata = [f"{root}/metadata"] * REPEATS
    listed = [f"/studies/{series.study_uid}/series"] * REPEATS
    return [
        Measure(name="rendered 512 x 512, first", paths=rendered, accept=JPEG, aim=1.5),
        Measure(name="rendered 512 x 512, again", paths=rendered, accept=JPEG, aim=5),
        Measure(name="native frame of 525 kB", paths=frames, accept=OCTETS, aim=1.5),
        Measure(name=f"metadata of {count}", paths=metadata, accept=JSON, aim=5),
        Measure(name=f"metadata of {count}, gzip", paths=metadata, accept=JSON, encoding="gzip"),
        Measure(name="series of a study (QIDO)", paths=listed, accept=JSON),
    ]


Figures = tuple[list[float], list[float]]


def _in_turns(ours: Peer, theirs: Peer, measure: Measure) -> Figures:
    for peer in (ours, theirs):
        peer.reconnect()
    pairs = [(measure.ask(ours, path), measure.ask(theirs, path)) for path in measure.paths]
    return [mine for mine, _ in pairs], [other for _, other in pairs]


def _one_after_the_other(ours: Peer, theirs: Peer, measure: Measure) -> Figures:
    figures: Figures = ([], [])
    for peer, mine in zip((ours, theirs), figures, strict=True):
        peer.reconnect()
        mine.extend(measure.ask(peer, path) for path in measure.paths)
    return figures


def _alone(ours: Peer, theirs: Peer, measure: Measure) -> Figures:
    """Ask us only, as the other one cannot do this."""
    del theirs
    ours.reconnect()
    return [measure.ask(ours, path) for path in measure.paths], []


ORDERS: Mapping[str, Callable[[Peer, Peer, Measure], Figures]] = {
    "one by one": _one_after_the_other,
    "in turns": _in_turns,
    "alone": _alone,
}


def _row(order: str, measure: Measure, ours: Peer, theirs: Peer) -> Row:
    mine, other = ORDERS[order](ours, theirs, measure)
    case = f"{measure.name}, {order}"
    return Row(case=case, unit="ms", ours=mine, theirs=other, aim=measure.aim)
