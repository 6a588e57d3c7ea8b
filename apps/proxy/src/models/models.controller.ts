import { Controller, Headers, Param, Query } from '@nestjs/common';
import { GatewayError, type Principal } from '#libs/kernel';
import { Answers, Caller, Handles, matchesGlob, visibleModels } from '#libs/rbac';
import { AccessGroupIndex, type CatalogueRow, LiveCatalogue } from '#libs/runtime';
import { seesEverything } from '#libs/tenancy';
import { z } from 'zod';

/** One entry of `/v1/models`, as OpenAI's clients read it. */
interface ModelEntry {
  readonly id: string;
  readonly object: 'model';
  readonly created: number;
  readonly owned_by: string;
  readonly metadata?: object;
}

const MODEL = z.looseObject({
  id: z.string(),
  object: z.literal('model'),
  created: z.int(),
  owned_by: z.string(),
});

/** The same moment for every model: the contract's constant, which clients sort by and nobody reads. */
const CREATED = 1_677_610_602;

/** What a client may ask about the list; text, because that is what a query is. */
interface ListQuery {
  readonly return_wildcard_routes?: string;
  readonly team_id?: string;
  readonly include_model_access_groups?: string;
  readonly only_model_access_groups?: string;
  readonly include_metadata?: string;
}

/** The models a caller could call: exactly those a completion would be admitted for. */
@Controller()
export class ModelsController {
  constructor(
    private readonly live: LiveCatalogue,
    private readonly accessGroups: AccessGroupIndex,
  ) {}

  @Handles('GET /v1/models', 'GET /models', 'GET /openai/v1/models', 'GET /openai/models')
  @Answers(
    'Lists the models the caller may call',
    z.looseObject({ object: z.literal('list'), data: z.array(MODEL) }),
  )
  list(
    @Caller() principal: Principal,
    @Query() query: ListQuery,
    @Headers('anthropic-version') anthropic?: string,
  ): object {
    const entries = this.live.entriesFor(this.#teamOf(principal, query));
    const wildcards = query.return_wildcard_routes === undefined || isYes(query.return_wildcard_routes);
    const names = visibleModels(principal, entries, { assigned: this.accessGroups, wildcards });
    const groups = this.#groupsOf(names, entries, query);
    const shown = isYes(query.only_model_access_groups) ? groups : [...new Set([...names, ...groups])];
    if (anthropic !== undefined) return anthropicList(shown);
    const data = shown.map((name) => ({
      ...entryOf(name),
      ...(isYes(query.include_metadata) ? { metadata: metadataOf(name, entries) } : {}),
    }));
    return { data, object: 'list' };
  }

  /** A model the caller may not use and one that does not exist are answered alike. */
  @Handles('GET /v1/models/{id}', 'GET /models/{id}', 'GET /openai/v1/models/{id}')
  @Answers('Shows a model the caller may call', MODEL)
  get(
    @Caller() principal: Principal,
    @Param('id') id: string,
    @Headers('anthropic-version') anthropic?: string,
  ): object {
    const entries = this.live.entriesFor(principal.team?.id);
    const names = visibleModels(principal, entries, { assigned: this.accessGroups });
    if (!names.includes(id) && !this.#servesByWildcard(principal, id, entries)) {
      throw new GatewayError('request.not_found', 'This model does not exist, or you may not use it.', {
        param: 'model',
      });
    }
    return anthropic === undefined ? entryOf(id) : anthropicEntryOf(id);
  }

  /** Only an administrator may look at the list as another team sees it. */
  #teamOf(principal: Principal, { team_id: asked }: ListQuery): string | undefined {
    const own = principal.team?.id;
    if (asked === undefined || asked === '' || asked === own) return own;
    if (seesEverything(principal)) return asked;
    throw new GatewayError('rbac.forbidden', 'You do not have access to this team, or it does not exist.', {
      param: 'team_id',
    });
  }

  /** Access groups of which the caller may use a model. */
  #groupsOf(names: readonly string[], entries: readonly CatalogueRow[], query: ListQuery): string[] {
    if (!isYes(query.include_model_access_groups) && !isYes(query.only_model_access_groups)) return [];
    const seen = entries.filter(({ name }) => names.includes(name));
    return [...new Set(seen.flatMap(({ accessGroups }) => accessGroups))];
  }

  #servesByWildcard(principal: Principal, id: string, entries: readonly CatalogueRow[]): boolean {
    const entry = entries.find(
      ({ name }) => name.includes('*') && !id.includes('*') && matchesGlob(name, id),
    );
    if (!entry) return false;
    return visibleModels(principal, [{ ...entry, name: id, resolvedGroup: entry.name }], {
      assigned: this.accessGroups,
    }).includes(id);
  }
}

function entryOf(id: string): ModelEntry {
  return { id, object: 'model', created: CREATED, owned_by: 'openai' };
}

function metadataOf(name: string, entries: readonly CatalogueRow[]): object {
  const [first] = entries.find((entry) => entry.name === name)?.deployments ?? [];
  return { mode: first?.mode ?? null, max_input_tokens: first?.maxInputTokens ?? null };
}

function anthropicEntryOf(id: string): object {
  return { type: 'model', id, display_name: id, created_at: new Date(CREATED * 1_000).toISOString() };
}

/** The list as Anthropic's clients read it. */
function anthropicList(names: readonly string[]): object {
  return {
    data: names.map(anthropicEntryOf),
    has_more: false,
    first_id: names[0] ?? null,
    last_id: names.at(-1) ?? null,
  };
}

function isYes(text: string | undefined): boolean {
  return text !== undefined && /^(?:true|1)$/i.test(text);
}
