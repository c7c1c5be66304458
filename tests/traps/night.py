"""One night at the box as an oracle saw it: who was meant at each tick, and what the PACS holds in the morning."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from pydicom import dcmread
from pydicom.dataset import Dataset

from tests.system.world import Box, Json, Sandbox, wait_for

REJECTIONS = {"113001", "113037", "113038"}


@dataclass
class Night:
    """The box, the PACS, and what was acknowledged to a person: hash of the pixels → number of the patient meant."""

    box: Box
    sandbox: Sandbox
    meant: dict[str, str] = field(default_factory=dict)

    def capture(self, patient_id: str, press: str = "", source: str = "us1") -> Json:
        """Press once, meaning that patient."""
        frame = self.box.capture(press or f"press-{len(self.meant)}", source)
        self.meant[frame["payload_sha256"]] = patient_id
        return frame

    def meant_all(self, exam: Json, patient_id: str) -> None:
        """Every picture of the exam was of that patient, as it turned out."""
        for frame in exam["frames"]:
            self.meant[frame["payload_sha256"]] = patient_id

    def finish(self, exam: Json) -> Json:
        """Finish, and have sent what is held for a person's look."""
        done = self.box.post(f"/exams/{exam['exam_id']}/finish")
        return self.box.post(f"/exams/{exam['exam_id']}/release") if done["state"] == "held" else done

    def quiet(self, limit_s: float = 90.0) -> None:
        """Wait until nothing is on its way any more."""
        wait_for("the queue is empty", self._idle, limit_s)

    def _idle(self) -> bool:
        exams = self.box.get("/exams")
        moving = [e for e in exams if e["state"] in ("finishing", "released")]
        jobs = [j for j in self.box.jobs() if j["state"] in ("waiting", "sending")]
        return not moving and not jobs

    def morning(self, *, on_the_box: int = 0) -> list[Dataset]:
        """Assert that nothing lies under a wrong patient and nothing is lost; return the images that count.

        An object of a wrong patient counts as put right when a rejection note of the same study names it.
        `on_the_box` pictures are held here for a person and nowhere else.
        """
        objects = [dcmread(path) for path in self.sandbox.files()]
        rejected = {uid for ds in objects if ds.Modality == "KO" for uid in _named(ds)}
        images = [ds for ds in objects if "PixelData" in ds and ds.SOPInstanceUID not in rejected]
        hashes = {one.sop_instance_uid: one.pixels_sha256 for one in self.sandbox.received()}
        owners: dict[str, set[str]] = defaultdict(set)
        for ds in images:
            owners[hashes[str(ds.SOPInstanceUID)]].add(str(ds.PatientID))
        wrong = {sha: found for sha, found in owners.items() if found != {self.meant.get(sha)}}
        assert not wrong, f"under a wrong patient, or never acknowledged: {wrong}"
        missing = set(self.meant) - set(owners)
        assert missing <= self._kept(), "acknowledged, and neither in the archive nor on the box"
        assert len(missing) == on_the_box
        studies: dict[str, set[str]] = defaultdict(set)
        for ds in images:
            studies[str(ds.StudyInstanceUID)].add(str(ds.PatientID))
        assert all(len(patients) == 1 for patients in studies.values()), "two patients in one study"
        return images

    def _kept(self) -> set[str]:
        exams = [self.box.get(f"/exams/{e['exam_id']}") for e in self.box.get("/exams")]
        frames = [frame for exam in exams if exam["state"] != "discarded" for frame in exam["frames"]]
        return {f["payload_sha256"] for f in frames if f["state"] in ("captured", "held", "built")}


def _named(note: Dataset) -> set[str]:
    if note.ConceptNameCodeSequence[0].CodeValue not in REJECTIONS:
        return set()
    series = (s for study in note.CurrentRequestedProcedureEvidenceSequence for s in study.ReferencedSeriesSequence)
    return {str(item.ReferencedSOPInstanceUID) for s in series for item in s.ReferencedSOPSequence}
