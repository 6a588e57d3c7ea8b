import { Injectable } from '@nestjs/common';
import { readAs, User } from '#libs/database';
import type { Principal } from '#libs/kernel';
import type { KeyView } from '#libs/tenancy';
import { DataSource, In } from 'typeorm';

/** A page of keys as it is answered. */
export interface KeyPage {
  readonly keys: readonly (string | Record<string, unknown>)[];
  readonly total_count: number;
  readonly current_page: number;
  readonly total_pages: number;
}

/** The people behind keys, for lists that ask for them (`expand=user`). */
@Injectable()
export class KeyUsers {
  constructor(private readonly database: DataSource) {}

  /** Adds `user` and `created_by_user` to the full objects of a page; people the caller may not see are null. */
  async expand(caller: Principal, page: KeyPage, views: readonly KeyView[]): Promise<KeyPage> {
    const ids = [...new Set(views.flatMap(({ key }) => [key.userId ?? [], key.createdBy ?? []].flat()))];
    const users = await readAs(this.database, caller, (manager) =>
      ids.length === 0 ? Promise.resolve([]) : manager.findBy(User, { id: In(ids) }),
    );
    const byId = new Map(
      users.map(({ id, email, alias }) => [id, { user_id: id, user_email: email, user_alias: alias }]),
    );
    const keys = page.keys.map((shown, index) => {
      const key = views[index]?.key;
      if (typeof shown === 'string' || key === undefined) return shown;
      return {
        ...shown,
        user: byId.get(key.userId ?? '') ?? null,
        created_by_user: byId.get(key.createdBy ?? '') ?? null,
      };
    });
    return { ...page, keys };
  }
}
