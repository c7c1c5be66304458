// An archive and RIS that shares no code with the agent: C-STORE, MPPS, Storage Commitment without role selection.
// usage: node peer.js <settings.json>    {port, boxPort, boxTitle, title, key, cert, ca, log}
const fs = require('fs');
const { Client, Dataset, Scp, Server, constants, requests, responses } = require('dcmjs-dimse');

const settings = JSON.parse(fs.readFileSync(process.argv[2]));
const tell = (what) => fs.appendFileSync(settings.log, JSON.stringify(what) + '\n');
const read = (name) => fs.readFileSync(settings[name]);
const secure = { key: read('key'), cert: read('cert'), ca: read('ca'), minVersion: 'TLSv1.2' };
const { PresentationContextResult, SopClass, Status } = constants;
const stored = new Set();
const steps = {};

class Peer extends Scp {
  associationRequested(association) {
    for (const { id } of association.getPresentationContexts()) {
      const context = association.getPresentationContext(id);
      context.setResult(PresentationContextResult.Accept, context.getTransferSyntaxUids()[0]);
    }
    this.sendAssociationAccept();
  }

  associationReleaseRequested() { this.sendAssociationReleaseResponse(); }

  cEchoRequest(request, answer) { answer(status(responses.CEchoResponse, request, Status.Success)); }

  cStoreRequest(request, answer) {
    stored.add(request.getAffectedSopInstanceUid());
    tell({ stored: request.getAffectedSopInstanceUid() });
    answer(status(responses.CStoreResponse, request, Status.Success));
  }

  nCreateRequest(request, answer) {
    const uid = request.getAffectedSopInstanceUid();
    const step = request.getDataset().getElements();
    const known = uid in steps;
    if (!known) steps[uid] = step.PerformedProcedureStepStatus;
    tell({ create: uid, status: steps[uid], name: step.PatientName, known });
    answer(status(responses.NCreateResponse, request, known ? 0x0111 : Status.Success));
  }

  nSetRequest(request, answer) {
    const uid = request.getRequestedSopInstanceUid();
    const open = steps[uid] === 'IN PROGRESS';
    const change = request.getDataset().getElements();
    if (open) steps[uid] = change.PerformedProcedureStepStatus;
    const images = [].concat(change.PerformedSeriesSequence).map((s) => [].concat(s.ReferencedImageSequence).length);
    tell({ set: uid, status: steps[uid], images });
    answer(status(responses.NSetResponse, request, open ? Status.Success : 0x0112));
  }

  nActionRequest(request, answer) {
    const asked = request.getDataset().getElements();
    answer(status(responses.NActionResponse, request, Status.Success));
    setTimeout(() => report(asked), 200);
  }
}

function status(Response, request, value) {
  const response = Response.fromRequest(request);
  response.setStatus(value);
  return response;
}

function report(asked) {
  const pairs = [].concat(asked.ReferencedSOPSequence).map((item) => ({
    ReferencedSOPClassUID: item.ReferencedSOPClassUID, ReferencedSOPInstanceUID: item.ReferencedSOPInstanceUID,
  }));
  const held = pairs.filter((item) => stored.has(item.ReferencedSOPInstanceUID));
  const lost = pairs.filter((item) => !stored.has(item.ReferencedSOPInstanceUID));
  const data = { TransactionUID: asked.TransactionUID };
  if (held.length) data.ReferencedSOPSequence = held;
  if (lost.length) data.FailedSOPSequence = lost.map((item) => ({ ...item, FailureReason: 0x0112 }));
  const event = new requests.NEventReportRequest(
    SopClass.StorageCommitmentPushModel, '1.2.840.10008.1.20.1.1', lost.length ? 2 : 1);
  event.setDataset(new Dataset(data));
  event.on('response', (response) => tell({ reported: asked.TransactionUID, answer: response.getStatus() }));
  const client = new Client();
  client.addRequest(event);
  client.on('networkError', (error) => tell({ trouble: error.message }));
  client.send('127.0.0.1', settings.boxPort, settings.title, settings.boxTitle, { securityOptions: secure });
}

const server = new Server(Peer);
server.on('networkError', () => {});
server.listen(settings.port, { securityOptions: { ...secure, requestCert: true, rejectUnauthorized: true } });
