import { GatewayError, isRecord } from '#libs/kernel';
import type { Deployment } from '#libs/routing';
import { belongsElsewhere, isFieldOf, isForTheProxy } from './endpoint-fields.js';
import { scanMembers } from './members.js';
import { capEdits, capFields } from './output-cap.js';
import { splice } from './splice.js';
import type { UpstreamRequest } from './upstream.js';

export interface OutgoingBody {
  readonly bytes: Buffer;
  /** We asked for the usage frame, the caller did not: it is hidden. */
  readonly hideUsage: boolean;
}

/** They refuse `stream_options` and report usage unasked. */
const REPORTS_USAGE_UNASKED = new Set(['mistral', 'perplexity']);

/** What goes upstream: the caller's bytes, with as few members changed as governance and the wire need. Throws `request.bad_field`. */
export function outgoingBody(request: UpstreamRequest): OutgoingBody {
  const { body, deployment, endpoint } = request;
  const { json, members } = body;
  let edits: Map<string, string | null> | undefined;
  const edit = (name: string, value: string | null): void => {
    if (value !== null || members.has(name)) (edits ??= new Map()).set(name, value);
  };

  if (json['model'] !== request.upstreamModel) edit('model', JSON.stringify(request.upstreamModel));
  for (const name of members.keys()) {
    if (
      isForTheProxy(name) ||
      request.stripped?.includes(name) ||
      (request.dropParams && !isFieldOf(endpoint, name))
    )
      edit(name, null);
  }
  if (members.has('metadata')) metadataEdit(request, edit);
  capEdits(endpoint, deployment, json, request.maxOutputTokens, edit);
  let hideUsage = false;
  if (request.stream && (endpoint === 'chat' || endpoint === 'completions'))
    hideUsage = usageEdit(request, edit);
  for (const [name, text] of defaultsOf(deployment)) {
    if (
      members.has(name) ||
      isForTheProxy(name) ||
      belongsElsewhere(endpoint, name) ||
      (request.dropParams && !isFieldOf(endpoint, name))
    )
      continue;
    const isCap = capFields(endpoint).includes(name);
    if (
      isCap &&
      (request.maxOutputTokens !== undefined || capFields(endpoint).some((field) => members.has(field)))
    )
      continue;
    edit(name, text);
  }
  return { bytes: edits ? splice(body, edits) : body.bytes, hideUsage };
}

/** Metadata is the proxy's own (tags, ids) unless the endpoint has a use for it. */
function metadataEdit(
  { endpoint, body }: UpstreamRequest,
  edit: (name: string, value: string | null) => void,
): void {
  const { metadata, store } = body.json;
  if (endpoint === 'responses' || (endpoint === 'chat' && store === true)) {
    if (isRecord(metadata) && Object.values(metadata).every((value) => typeof value === 'string')) return;
  } else if (endpoint === 'messages' && isRecord(metadata)) {
    const { user_id: userId } = metadata;
    if (typeof userId === 'string') {
      if (Object.keys(metadata).length > 1) edit('metadata', JSON.stringify({ user_id: userId }));
      return;
    }
  }
  edit('metadata', null);
}

/** Makes the stream report its usage. Returns whether the caller would not have got it. */
function usageEdit(
  { body, deployment }: UpstreamRequest,
  edit: (name: string, value: string | null) => void,
): boolean {
  const options = body.json['stream_options'];
  const member = body.members.get('stream_options');
  if (member && options !== null && !isRecord(options))
    throw new GatewayError('request.bad_field', 'stream_options must be an object.', {
      param: 'stream_options',
    });
  if (REPORTS_USAGE_UNASKED.has(deployment.provider)) {
    edit('stream_options', null);
    return false;
  }
  if (!member || !isRecord(options)) {
    edit('stream_options', '{"include_usage":true}');
    return true;
  }
  if (options['include_usage'] === true) return false;
  const bytes = body.bytes.subarray(member.valueStart, member.valueEnd);
  edit(
    'stream_options',
    splice({ bytes, members: scanMembers(bytes) }, new Map([['include_usage', 'true']])).toString('utf8'),
  );
  return true;
}

const defaultTexts = new WeakMap<Deployment, readonly (readonly [string, string])[]>();

function defaultsOf(deployment: Deployment): readonly (readonly [string, string])[] {
  let texts = defaultTexts.get(deployment);
  if (!texts) {
    texts = Object.entries(deployment.defaultBody).map(
      ([name, value]) => [name, JSON.stringify(value) ?? 'null'] as const,
    );
    defaultTexts.set(deployment, texts);
  }
  return texts;
}
