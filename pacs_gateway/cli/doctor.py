"""`doctor` and `metrics`: what is wrong and what to do, and what Prometheus would be told."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import typer

from pacs_gateway import exposure
from pacs_gateway.app import open_store
from pacs_gateway.config import Settings, config_path, load_settings
from pacs_gateway.doctor import places
from pacs_gateway.doctor.examination import CONFIGURATION, examine
from pacs_gateway.doctor.findings import Finding, State, as_dict, worst, wrong
from pacs_gateway.doctor.states import States
from pacs_gateway.doctor.subject import Subject, subject_of
from pacs_gateway.errors import ConfigurationError
from pacs_gateway.measuring.scraping import scrape_folder
from pacs_gateway.web.healthwords import say
from pacs_gateway.web.language import texts_of
from pacs_gateway.web.scrubmetrics import ScrubMetrics
from storage.database import Engine, open_engine
from storage.objects import ObjectStore
from storage.scrubbing import Scrub

LONGEST_S3_WAIT_S = 2.0
"""A server that is away must not keep a person waiting; each call is tried a few times."""


class _Opened:
    """The parts that are examined, opened without making or migrating anything."""

    def __init__(self, settings: Settings, store: ObjectStore) -> None:
        self.settings = settings
        self.store = store
        self.engine: Engine = open_engine(
            settings.index_url, busy_deadline_s=settings.guard.deadline_s
        )


def diagnose(config: Path | None, data_dir: Path | None, *, as_json: bool) -> bool:
    """Print one line for each finding; return whether nothing is wrong."""
    language, findings = _findings(config, data_dir)
    if as_json:
        told = [as_dict(each) for each in findings]
        typer.echo(json.dumps({"state": worst(findings), "findings": told}, ensure_ascii=False))
    else:
        _print(language, findings)
    return worst(findings) is not State.WRONG


def print_metrics(settings: Settings) -> None:
    """Print what a scrape of this host would tell, for hosts without a web."""
    with _subject(settings) as subject:
        states = (States(subject), ScrubMetrics(Scrub(subject.engine))) if subject else ()
        typer.echo(scrape_folder(settings.metrics_dir, states).decode(), nl=False)


def _findings(config: Path | None, data_dir: Path | None) -> tuple[str, list[Finding]]:
    try:
        settings = load_settings(config, data_dir)
        path = config_path(config, data_dir)
        if path is not None:
            exposure.check_file(path, settings)
    except ConfigurationError as error:
        # The language may be what is wrong.
        asked = os.environ.get("PACS_GATEWAY_LANGUAGE", "vi")
        language = asked if asked in ("vi", "en") else "vi"
        return language, [wrong(CONFIGURATION, "refused", reason=str(error))]
    try:
        with _subject(settings) as subject:
            if subject is None:
                return settings.language, list(places.check_folder(settings))
            return settings.language, examine(subject)
    except ConfigurationError as error:
        return settings.language, [wrong(CONFIGURATION, "refused", reason=str(error))]


@contextmanager
def _subject(settings: Settings) -> Iterator[Subject | None]:
    """Yield what is examined, None without a data folder that can be used."""
    _become_owner(settings.data_dir)
    if not os.access(settings.data_dir, os.R_OK | os.W_OK | os.X_OK):
        yield None
        return
    objects = settings.objects
    waits = {
        "connect_deadline_s": min(objects.connect_deadline_s, LONGEST_S3_WAIT_S),
        "read_deadline_s": min(objects.read_deadline_s, LONGEST_S3_WAIT_S),
    }
    quick = settings.model_copy(update={"objects": objects.model_copy(update=waits)})
    opened = _Opened(settings, open_store(quick, settings.objects_url))
    try:
        yield subject_of(opened, thorough=True)
    finally:
        opened.engine.dispose()


def _become_owner(folder: Path) -> None:
    """Let root be the data folder's owner: what it writes could not be written by the gateway."""
    with suppress(FileNotFoundError):
        owner = folder.stat()
        if os.geteuid() == 0 and owner.st_uid != 0:
            os.setegid(owner.st_gid)
            os.seteuid(owner.st_uid)


def _print(language: str, findings: list[Finding]) -> None:
    texts = texts_of(language)
    names = {each: texts(f"health.state.{each}") for each in State}
    width = max(map(len, names.values()))
    for finding in findings:
        said = say(texts, finding)
        line = f"{names[finding.state]:{width}}  {said.title}: {said.text}"
        typer.echo(f"{line} {said.remedy}" if said.remedy else line)
    typer.echo(texts(f"health.all.{worst(findings)}"))
