"""One sentence for each operation whose row does not bring its own, for the description of the interface."""

from __future__ import annotations

from collections.abc import Mapping

SENTENCES: Mapping[str, str] = {
    "GET /status": "The box as a whole: sources, destinations, alarms, what is unsent.",
    "GET /sources": "Every source with its signal and the exam that is open on it.",
    "GET /destinations": "What is believed of every destination, and how much waits for it.",
    "GET /process": "The core process itself: memory and imports.",
    "POST /destinations/{name}/echo": "Test a connection with C-ECHO; `worklist` and `procedure-steps` have that name.",
    "GET /worklist": "The last good worklist with its age and all that was wrong with it.",
    "POST /worklist/refresh": "Ask the worklist server now.",
    "GET /exams": "The newest exams.",
    "GET /exams/{exam_id}": "One exam with its pictures.",
    "POST /exams": "Open an exam for a worklist entry as it was shown and confirmed; durable when answered.",
    "POST /exams/unscheduled": "Open an exam for a patient without an order; durable when answered.",
    "POST /exams/emergency": "Open an exam under a temporary identity; durable when answered.",
    "POST /exams/{exam_id}/finish": "Close an exam; it is sent when the undo window ends.",
    "POST /exams/{exam_id}/undo": "Take a finish back while the undo window lasts.",
    "POST /exams/{exam_id}/resume": "Say that it is still the same patient.",
    "POST /exams/{exam_id}/hold": "Keep an exam from being sent.",
    "POST /exams/{exam_id}/release": "Send a held exam as it is.",
    "POST /exams/{exam_id}/discard": "Give an exam up, with a reason.",
    "POST /sources/{name}/capture": "Capture one still; when answered it is durable on disk and in the database.",
    "POST /sources/{name}/clip/start": "Begin a clip; when answered its first frame is durable.",
    "POST /sources/{name}/clip/stop": "End the clip; when answered it is a durable picture of its exam.",
    "POST /sources/{name}/cancel": "End a scan that runs; the pages that were kept stay.",
    "GET /sources/{name}/scan": "The last barcode at this source.",
    "POST /sources/{name}/scan": "Take a barcode as from the box's own reader; it never captures and never confirms.",
    "POST /sources/{name}/fault": "Make the simulator misbehave.",
    "GET /tray": "What arrived without a patient, and what could not be read.",
    "POST /tray/{item_id}/assign": "Put an item into the exam that is open; durable when answered.",
    "POST /tray/{item_id}/discard": "Give an item up, with a reason.",
    "GET /queue": "Where each object is: first what is not done, then the newest of the rest.",
    "GET /jobs/{job_id}/attempts": "Every try of one job, oldest first.",
    "POST /jobs/{job_id}/retry": "Try one job now.",
    "POST /jobs/{job_id}/hold": "Keep one job from being sent.",
    "POST /jobs/{job_id}/discard": "Give one job up, with a reason.",
    "POST /jobs/{job_id}/redirect": "Send one object to another destination than planned.",
    "POST /frames/{frame_id}/accept": "Let a held picture take part again; a person looked at it.",
}
