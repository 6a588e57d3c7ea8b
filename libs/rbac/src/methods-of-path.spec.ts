import { describe, expect, it } from 'vitest';
import { methodsOfPath } from './methods-of-path.js';

describe('which methods a path is served under', () => {
  it('tells them for exact paths, for paths with a name in them and for those with a slash at the end', () => {
    expect(methodsOfPath('/key/generate')).toEqual(['POST']);
    expect(methodsOfPath('/key/delete')).toEqual(expect.arrayContaining(['POST', 'DELETE']));
    expect(methodsOfPath('/key/sk-1/regenerate')).toEqual(['POST']);
    expect(methodsOfPath('/metrics/')).toEqual(['GET']);
  });

  it('knows none for what nobody serves', () => {
    expect(methodsOfPath('/key/generate/more')).toEqual([]);
    expect(methodsOfPath('/litellmXwell-known')).toEqual([]);
    expect(methodsOfPath('/xwell-known/litellm-ui-config')).toEqual([]);
  });
});
