import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import type { Json } from './governed-product.js';

/** An answer of a route of the document. */
export interface GivenAnswer {
  /** `POST /key/generate`, as declared. */
  readonly route: string;
  readonly status: number;
  readonly contentType: string | undefined;
  readonly text: string;
}

/** What the OpenAPI document of a started product says of its answers, held against those it gives. */
export class DeclaredAnswers {
  readonly #ajv = new Ajv2020({ strict: false, validateFormats: false });
  readonly #validators = new Map<string, ValidateFunction>();

  constructor(private readonly document: Json) {
    this.#ajv.addSchema({ $id: 'document', ...document });
  }

  /** In words; undefined when the document tells the truth. */
  lieAbout({ route, status, contentType, text }: GivenAnswer): string | undefined {
    const [method = '', path = ''] = route.split(' ');
    const responses = this.document['paths'][path]?.[method.toLowerCase()]?.responses as Json | undefined;
    if (responses === undefined) return `${route} is not in the document`;
    const declared = responses[status] ? String(status) : status < 300 ? undefined : 'default';
    if (declared === undefined) return `${route} does not declare ${status}`;
    const media = contentType?.split(';')[0] ?? '';
    const content = responses[declared].content as Json | undefined;
    if (content === undefined)
      return text === '' ? undefined : `${route} ${status} has a body: ${text.slice(0, 80)}`;
    if (content[media] === undefined)
      return `${route} ${status} is ${media}, not ${Object.keys(content).join(' or ')}`;
    if (media !== 'application/json') return undefined;
    const validate = this.#validatorOf([path, method.toLowerCase(), 'responses', declared]);
    if (validate(JSON.parse(text))) return undefined;
    return `${route} ${status}: ${this.#ajv.errorsText(validate.errors)} in ${text.slice(0, 300)}`;
  }

  #validatorOf(place: readonly string[]): ValidateFunction {
    const pointer = ['paths', ...place, 'content', 'application/json', 'schema']
      .map((each) => encodeURIComponent(each.replaceAll('~', '~0').replaceAll('/', '~1')))
      .join('/');
    let validate = this.#validators.get(pointer);
    if (!validate)
      this.#validators.set(pointer, (validate = this.#ajv.compile({ $ref: `document#/${pointer}` })));
    return validate;
  }
}
