"""Makes, reprints and revokes the shares of studies, and draws their slips."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ulid import ULID

from pacs_gateway.access.passwords import hash_password
from pacs_gateway.access.secrets import new_secret, secret_sha256
from pacs_gateway.access.shares import MAX_DAYS, TRIES, Question, right_answer
from pacs_gateway.audit import acts
from pacs_gateway.audit.acts import Who
from pacs_gateway.documents import slip
from pacs_gateway.errors import BadRequestError, UnknownError
from pacs_gateway.web.display import StudyView, study_view
from pacs_gateway.web.language import Texts, texts_of
from storage.index import Index
from storage.reach import Reach
from storage.records import Found, Level, Match, MatchKind, QuerySpec, utc_now
from storage.shares import Share, Shares

BY_SHARE = "share:"
"""How the name of a guest begins who came by a share; its identifier follows."""
MAX_STUDIES = 50
"""Studies of one slip; a visit has a handful."""
STUDIES_PRINTED, LINE_CHARACTERS = 3, 50
"""What is printed of them: the code has to stay on the page."""
_PATIENT_ID, _ISSUER, _BIRTH_DATE = "00100020", "00100021", "00100030"


@dataclass(frozen=True, slots=True)
class Made:
    """A share whose address is known for this once; only its digest is kept."""

    share: Share
    address: str


class Sharing:
    """The acts of sharing."""

    def __init__(self, index: Index, shares: Shares, *, hospital: str, other_language: str) -> None:
        self._index = index
        self._shares = shares
        self._hospital = hospital
        self._other = texts_of(other_language)

    def studies(self, study_uids: Sequence[str], reach: Reach) -> list[Found]:
        """Return studies within reach, the newest first.

        Raises UnknownError if one of them is not there, BadRequestError for none or too many.
        """
        wanted = tuple(dict.fromkeys(study_uids))
        if not 0 < len(wanted) <= MAX_STUDIES:
            raise BadRequestError(f"A share has from 1 to {MAX_STUDIES} studies.")
        spec = QuerySpec(
            level=Level.STUDY, matches=(Match("StudyInstanceUID", MatchKind.EQUAL, wanted),)
        )
        found = self._index.search(spec, reach=reach)
        if len(found) != len(wanted):
            raise UnknownError("No such study, series or instance is kept here.")
        return found

    def of_same_patient(self, study: Found, reach: Reach) -> list[Found]:
        """Return the other studies of the same patient, the newest first."""
        patient_id = _first(study, _PATIENT_ID)
        if not patient_id:
            return []
        match = Match("PatientID", MatchKind.EQUAL, (patient_id,))
        spec = QuerySpec(level=Level.STUDY, matches=(match,), limit=MAX_STUDIES)
        found = self._index.search(spec, reach=reach)
        return [
            each
            for each in found
            if study_uid_of(each) != study_uid_of(study) and _patient(each) == _patient(study)
        ]

    def make(
        self,
        who: Who,
        studies: Sequence[Found],
        *,
        question: Question,
        days: int,
        base: str,
    ) -> Made:
        """Share studies of one patient.

        Raises BadRequestError: they are of several patients, the images do not carry the answer
        that was chosen, or the time is too long.
        """
        if not 1 <= days <= MAX_DAYS:
            raise BadRequestError(f"A share is valid for 1 to {MAX_DAYS} days.")
        if len({_patient(study) for study in studies}) > 1:
            raise BadRequestError("These studies are of different patients.")
        answer = answer_of(question, studies[0])
        if answer is None:
            raise BadRequestError("The images do not carry what this question asks for.")
        token, now = new_secret(), utc_now()
        share = Share(
            id=str(ULID()),
            token_sha256=secret_sha256(token),
            patient_key=_first(studies[0], _PATIENT_ID),
            created_by=who.name,
            created_at=now,
            expires_at=now + timedelta(days=days),
            question=question,
            answer_hash=hash_password(answer),
            tries_left=TRIES,
        )
        uids = [study_uid_of(study) for study in studies]
        entries = [
            acts.shared(who, study_uid=uid, patient_id=share.patient_key, share=share.id, days=days)
            for uid in uids
        ]
        self._shares.add(share, uids, entries)
        return Made(share, f"{base}/s/{token}")

    def reprint(self, who: Who, share: Share, *, base: str) -> Made:
        """Give a share another address, because the old one is known to nobody; it ends with that.

        One that wrong answers have locked opens again: whoever prints has seen the patient.

        Raises UnknownError for a share that is revoked or over.
        """
        token = new_secret()
        entry = acts.share_reprinted(who, share=share.id)
        if share.expires_at <= utc_now() or not self._shares.renew(
            share.id, secret_sha256(token), tries=TRIES, entry=entry
        ):
            raise UnknownError("This share is over.")
        return Made(share, f"{base}/s/{token}")

    def revoke(self, who: Who, share: Share) -> None:
        """Take a share back at once."""
        self._shares.revoke(share.id, utc_now(), acts.share_revoked(who, share=share.id))

    def within(self, share_id: str, reach: Reach) -> Share:
        """Return a share whose studies are all within reach, whatever its state.

        Raises UnknownError for any other.
        """
        share = self._shares.share(share_id)
        if share is None or not self.is_within(share, reach):
            raise UnknownError("There is no such share.")
        return share

    def is_within(self, share: Share, reach: Reach) -> bool:
        """Return whether somebody may see all that a share shows."""
        return reach.everything or all(
            self._index.within(study_uid, reach) for study_uid in self._shares.studies(share.id)
        )

    def slip(self, made: Made, studies: Sequence[Found], texts: Texts) -> bytes:
        """Return the slip as PDF: in the reader's language, its steps in the other one too."""
        views = [study_view(each, texts) for each in studies]
        return slip.draw(
            slip.Slip(
                hospital=self._hospital,
                title=texts("slip.title"),
                patient=_patient_lines(views[0], texts),
                studies=_lines(views, texts),
                address=made.address,
                steps=_steps(made.share, texts),
                notes=[
                    *_notes(made.share, texts),
                    self._other("slip.title") + ": " + " ".join(_steps(made.share, self._other)),
                    *_notes(made.share, self._other),
                ],
            )
        )

    def found(self, share: Share, reach: Reach) -> list[Found]:
        """Return the studies of a share as the index finds them, the newest first."""
        uids = tuple(self._shares.studies(share.id))
        match = Match("StudyInstanceUID", MatchKind.EQUAL, uids)
        return self._index.search(QuerySpec(level=Level.STUDY, matches=(match,)), reach=reach)


def is_open(share: Share, now: datetime) -> bool:
    """Return whether a share can be opened at a moment, with the right answer."""
    return share.revoked_at is None and now < share.expires_at and share.tries_left > 0


def study_uid_of(found: Found) -> str:
    """Return the Study Instance UID of an answer."""
    return _first(found, "0020000D")


def _patient(study: Found) -> tuple[str, str]:
    """Return what tells patients apart: two without an ID are not the same person."""
    patient_id = _first(study, _PATIENT_ID)
    return (patient_id, _first(study, _ISSUER)) if patient_id else (study_uid_of(study), "")


def answer_of(question: Question, study: Found) -> str | None:
    """Return the answer that a study's patient would give, None if it is not known."""
    return right_answer(
        question,
        birth_date=_first(study, _BIRTH_DATE),
        patient_id=_first(study, _PATIENT_ID),
    )


def _patient_lines(view: StudyView, texts: Texts) -> list[tuple[str, str]]:
    # The name tells the right person at the counter; what the slip asks for is not printed on it.
    return [(texts("slip.name"), view.patient.name[:LINE_CHARACTERS])]


def _lines(views: Sequence[StudyView], texts: Texts) -> list[str]:
    """Return a line for each study, as many as leave room for the code."""
    lines = [_line(view) for view in views[:STUDIES_PRINTED]]
    if views[STUDIES_PRINTED:]:
        lines.append(texts.count("slip.more", len(views) - STUDIES_PRINTED))
    return lines


def _line(view: StudyView) -> str:
    what = (view.description or ", ".join(view.modalities))[:LINE_CHARACTERS]
    return f"{what} ({view.date})" if view.date else what


def _steps(share: Share, texts: Texts) -> list[str]:
    return [
        texts("slip.step.scan"),
        texts(f"slip.step.{share.question}"),
        texts("slip.step.look"),
    ]


def _notes(share: Share, texts: Texts) -> list[str]:
    until = texts.date(share.expires_at.astimezone().date())
    return [texts("slip.note", until=until, tries=str(TRIES))]


def _first(found: Found, tag: str) -> str:
    values = found.attributes.get(tag, {}).get("Value") or [""]
    return str(values[0])
