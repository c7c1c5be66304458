"""Operations of administration: tests, certificates, configuration, support. None names a patient."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from agent.acceptance import Acceptance
from agent.actor import Act
from agent.admin_view import (
    CertificateView,
    ConfigurationView,
    ConnectionView,
    InputView,
    LogView,
    QueryView,
    ReportView,
    RequestView,
    TrialView,
    VersionView,
)
from agent.service import Service
from agent.service.certificates import Wanted
from agent.view import SourceView
from agent.web.operation import Call, Operation, body_type

Text = Annotated[str, Field(max_length=1024)]
Long = Annotated[str, Field(max_length=60_000)]
Names = Annotated[list[Annotated[str, Field(min_length=1, max_length=253)]], Field(max_length=16)]
Purpose = Literal["peers", "page"]


@body_type
class TestPicture:
    """Where a picture of nobody is taken."""

    source: Text


@body_type
class TestInput:
    """How long what comes in is shown."""

    seconds: Annotated[int, Field(ge=1, le=60)] = 20


@body_type
class NewRequest:
    """Who a certificate is to speak for."""

    purpose: Purpose
    common_name: Annotated[str, Field(min_length=1, max_length=64)]
    dns: Names = Field(default_factory=list)
    """Names of the box in the network."""
    ip: Names = Field(default_factory=list)
    """Addresses of the box in the network."""


@body_type
class Signed:
    """The certificate that came back from the authority."""

    purpose: Purpose
    pem: Long
    """PEM text; certificates of the chain may follow."""


@body_type
class NewText:
    """A new configuration."""

    text: Long
    """TOML; marks in place of secrets mean *as it is*."""


@body_type
class Confirmed:
    """A confirmed change."""

    digest: Text
    """Of the change as it was shown; another one is refused."""
    box_name: Text
    """Typed by the person: the name of the box."""
    keep: bool = False
    """True: it stays also when something does not answer after it."""


def _request(service: Service, call: Call) -> RequestView:
    told: NewRequest = call.body
    wanted = Wanted(purpose=told.purpose, common_name=told.common_name, dns=tuple(told.dns), ip=tuple(told.ip))
    return service.administration.certificates.request(wanted, call.actor)


def _confirm(service: Service, call: Call) -> ConfigurationView:
    told: Confirmed = call.body
    return service.administration.configuration.confirm(told.digest, told.box_name, call.actor, keep=told.keep)


def _restart(service: Service, call: Call) -> SourceView:
    service.administration.tests.restart_source(call.path["name"])
    return next(view for view in service.box.sources() if view.name == call.path["name"])


def _install(service: Service, call: Call) -> Any:
    return service.administration.certificates.install(call.body.purpose, call.body.pem, call.actor)


_TESTS = (
    Operation(
        method="POST",
        path="/connections/{name}/test",
        act=Act.TEST,
        answer=ConnectionView,
        does=lambda s, c: s.administration.tests.connection(c.path["name"]),
        says="Test a destination, `worklist` or `procedure-steps`, phase by phase, with what to do next.",
    ),
    Operation(
        method="GET",
        path="/connections",
        act=Act.TEST,
        answer=tuple[str, ...],
        does=lambda s, _c: s.administration.tests.names(),
        says="Names of every connection that can be tested.",
    ),
    Operation(
        method="POST",
        path="/worklist/test",
        act=Act.TEST,
        answer=QueryView,
        does=lambda s, _c: s.administration.tests.query(),
        says="Ask the worklist server as the box does, keep nothing, and count what came.",
    ),
    Operation(
        method="POST",
        path="/test-pictures",
        act=Act.TEST,
        answer=TrialView,
        body=TestPicture,
        does=lambda s, c: s.administration.tests.begin_trial(c.body.source, c.actor),
        says="Take a picture of nobody and send it to the destinations for tests, the whole real way.",
    ),
    Operation(
        method="GET",
        path="/test-pictures/{exam_id}",
        act=Act.TEST,
        answer=TrialView,
        does=lambda s, c: s.administration.tests.trial(c.path["exam_id"]),
        says="How far a test picture came.",
    ),
    Operation(
        method="POST",
        path="/sources/{name}/restart",
        act=Act.TEST,
        answer=SourceView,
        does=_restart,
        says="Have a source begin anew; refused while it records a clip.",
    ),
    Operation(
        method="GET",
        path="/inputs",
        act=Act.TEST,
        answer=tuple[InputView, ...],
        does=lambda s, _c: s.administration.tests.inputs(),
        says="Every pedal, button and reader, and what came in during its last test.",
    ),
    Operation(
        method="POST",
        path="/inputs/{name}/test",
        act=Act.TEST,
        answer=InputView,
        body=TestInput,
        does=lambda s, c: s.administration.tests.test_input(c.path["name"], float(c.body.seconds)),
        says="Show what comes in for some seconds and do nothing with it; not while an exam is open.",
    ),
)

_CERTIFICATES = (
    Operation(
        method="GET",
        path="/certificates",
        act=Act.TEST,
        answer=tuple[CertificateView, ...],
        does=lambda s, _c: s.administration.certificates.list(),
        says="Every certificate that the box uses or trusts, with its end and fingerprint.",
    ),
    Operation(
        method="GET",
        path="/certificates/requests",
        act=Act.TEST,
        answer=tuple[RequestView, ...],
        does=lambda s, _c: s.administration.certificates.requests(),
        says="The signing requests that were made on this box.",
    ),
    Operation(
        method="POST",
        path="/certificates/requests",
        act=Act.CONFIGURE,
        answer=RequestView,
        body=NewRequest,
        does=_request,
        says="Make a new key, which stays here, and its signing request; the certificate in use stays in use.",
    ),
    Operation(
        method="POST",
        path="/certificates",
        act=Act.CONFIGURE,
        answer=ConfigurationView,
        body=Signed,
        does=_install,
        says="Take a signed certificate; it waits as a change of the configuration to be confirmed.",
    ),
)

_CONFIGURATION = (
    Operation(
        method="GET",
        path="/configuration",
        act=Act.CONFIGURE,
        answer=ConfigurationView,
        does=lambda s, _c: s.administration.configuration.view(),
        says="The configuration with its secrets masked, and the change that is under way.",
    ),
    Operation(
        method="POST",
        path="/configuration",
        act=Act.CONFIGURE,
        answer=ConfigurationView,
        body=NewText,
        does=lambda s, c: s.administration.configuration.propose(c.body.text, c.actor),
        says="Validate a new configuration in full; every mistake is named, or every changed key shown.",
    ),
    Operation(
        method="POST",
        path="/configuration/confirm",
        act=Act.CONFIGURE,
        answer=ConfigurationView,
        body=Confirmed,
        does=_confirm,
        says="Take the shown change into use and restart; it is given back when what was up is not up after it.",
    ),
    *(
        Operation(
            method="POST",
            path=f"/configuration/{path}",
            act=Act.CONFIGURE,
            answer=ConfigurationView,
            does=does,
            says=says,
        )
        for path, does, says in (
            (
                "withdraw",
                lambda s, c: s.administration.configuration.withdraw(c.actor),
                "Forget the proposed change.",
            ),
            (
                "keep",
                lambda s, c: s.administration.configuration.keep(c.actor),
                "Let the change stay, although something does not answer after it.",
            ),
            (
                "give-back",
                lambda s, c: s.administration.configuration.give_back(c.actor),
                "Put the configuration from before the change back and restart.",
            ),
        )
    ),
)

_SUPPORT = (
    Operation(
        method="GET",
        path="/versions",
        act=Act.TEST,
        answer=tuple[VersionView, ...],
        does=lambda s, _c: s.administration.support.versions(),
        says="The software, what it stands on, and its libraries.",
    ),
    Operation(
        method="GET",
        path="/logs",
        act=Act.SUPPORT,
        answer=LogView,
        does=lambda s, _c: s.administration.support.logs(),
        says="The newest lines of this run's log.",
    ),
    Operation(
        method="GET",
        path="/support-bundle",
        act=Act.SUPPORT,
        answer=bytes,
        media="application/zip",
        does=lambda s, _c: s.administration.support.bundle(),
        says="A zip file for support, without patient data.",
    ),
)

_ACCEPTANCE = (
    Operation(
        method="GET",
        path="/acceptance",
        act=Act.TEST,
        answer=tuple[ReportView, ...],
        does=lambda s, _c: s.administration.acceptance.list(),
        says="The acceptance reports that the box keeps, newest first.",
    ),
    Operation(
        method="GET",
        path="/acceptance/{name}",
        act=Act.TEST,
        answer=Acceptance,
        does=lambda s, c: s.administration.acceptance.get(c.path["name"]),
        says="One acceptance report: box, certificates, every check with its verdict, the objects of nobody.",
    ),
)

OPERATIONS = (*_TESTS, *_CERTIFICATES, *_CONFIGURATION, *_SUPPORT, *_ACCEPTANCE)
