import { z } from 'zod';
import { textList } from './fields.js';

/** Fields of a request that makes a key. What they mean is read, and refused, by what reads such requests. */
const fields = z.record(z.string(), z.unknown());

/** Settings of `litellm_settings` about new keys. */
export const keySettings = {
  default_key_generate_params: fields,
  upperbound_key_generate_params: fields,
  key_generation_settings: z.strictObject({
    team_key_generation: z
      .strictObject({ allowed_team_member_roles: textList.optional(), required_params: textList.optional() })
      .nullish(),
    personal_key_generation: z
      .strictObject({ allowed_user_roles: textList.optional(), required_params: textList.optional() })
      .nullish(),
  }),
};
