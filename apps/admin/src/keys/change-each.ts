import { isRefusal } from '#libs/kernel';
import type { z } from 'zod';
import type { BULK_UPDATE } from './key-answers.schemas.js';

/** Changes keys one after the other, each for itself: one that cannot be changed does not keep the others from it. `change` answers `key_info`. */
export async function changeEach<Item>(
  items: readonly Item[],
  nameOf: (item: Item) => string,
  change: (item: Item) => Promise<Record<string, unknown>>,
): Promise<z.output<typeof BULK_UPDATE>> {
  const successful: z.output<typeof BULK_UPDATE>['successful_updates'] = [];
  const failed: z.output<typeof BULK_UPDATE>['failed_updates'] = [];
  for (const item of items) {
    const key = nameOf(item);
    try {
      successful.push({ key, key_info: await change(item) });
    } catch (thrown) {
      if (!isRefusal(thrown)) throw thrown;
      failed.push({ key, key_info: null, failed_reason: thrown.publicMessage });
    }
  }
  return { total_requested: items.length, successful_updates: successful, failed_updates: failed };
}
