/**
 * What runs when there is no configuration file: one model that answers by itself, so that the first request works
 * offline, with a price, so that its spend can be seen.
 */
export const BUILT_IN_SECTIONS: Readonly<Record<string, unknown>> = {
  model_list: [
    {
      model_name: 'demo',
      litellm_params: {
        model: 'openai/demo',
        mock_response:
          'Hello from Tollgate. This answer was made locally; put a provider into your configuration file for real ones.',
        input_cost_per_token: 0.000003,
        output_cost_per_token: 0.000015,
      },
      model_info: { id: 'demo', mode: 'chat', max_input_tokens: 128_000, max_output_tokens: 4096 },
    },
  ],
};
