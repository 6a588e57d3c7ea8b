import { HttpCode } from '@nestjs/common';
import { Config } from '#libs/config';
import { GatewayError } from '#libs/kernel';
import { Answers, Handles } from '#libs/rbac';
import { Settings } from '#libs/runtime';
import type { Author } from '#libs/tenancy';
import { z } from 'zod';
import { AdminBody, AdminController, By } from '../http/decorators.js';
import { addressBody, type AddressBody } from './settings.schemas.js';

const done = z.object({ message: z.string(), status: z.string() });

/** The list of addresses that may call, as every process judges by it a moment later. */
@AdminController()
export class AllowedIpsController {
  constructor(
    private readonly settings: Settings,
    private readonly config: Config,
  ) {}

  /** `data: null`: everybody may call. */
  @Handles('GET /get/allowed_ips')
  @Answers('Lists the addresses that may call', z.object({ data: z.array(z.string()).nullable() }))
  list(): object {
    return { data: this.config.network.allowedIps ?? null };
  }

  @Handles('POST /add/allowed_ip')
  @Answers('Lets an address or a range call; the first one closes the door to all others', done)
  @HttpCode(200)
  async add(@By() author: Author, @AdminBody(addressBody) { ip }: AddressBody): Promise<object> {
    const listed = this.config.network.allowedIps ?? [];
    // The caller's own address goes along with the first entry: a list without it would be the end of this session.
    const own = listed.length === 0 && author.ip !== null ? [author.ip] : [];
    const value = [...new Set([...listed, ...own, ip.trim()])];
    await this.settings.change(author, [{ section: 'general_settings', field: 'allowed_ips', value }]);
    return { message: `IP ${ip} address added successfully`, status: 'success' };
  }

  /** Throws 404 for an address that is not listed, 400 when the caller's own would not be admitted any more. */
  @Handles('POST /delete/allowed_ip')
  @Answers('Takes an address or a range off the list', done)
  @HttpCode(200)
  async remove(@By() author: Author, @AdminBody(addressBody) { ip }: AddressBody): Promise<object> {
    const listed = this.config.network.allowedIps ?? [];
    const value = listed.filter((one) => one !== ip.trim());
    if (value.length === listed.length)
      throw new GatewayError('request.not_found', 'This address is not listed.', { param: 'ip' });
    await this.settings.change(author, [{ section: 'general_settings', field: 'allowed_ips', value }]);
    return { message: `IP ${ip} deleted successfully`, status: 'success' };
  }
}
