import { Injectable } from '@nestjs/common';
import { Config } from '#libs/config';
import { KeyRotation } from '#libs/tenancy';

/** New secrets for keys with `auto_rotate`, unless the operator switched that off. */
@Injectable()
export class ScheduledRotations {
  constructor(
    private readonly config: Config,
    private readonly rotation: KeyRotation,
  ) {}

  async rotateDue(): Promise<number> {
    const { rotates, generatedLength, rotationGrace } = this.config.keys;
    if (!rotates) return 0;
    return (await this.rotation.rotateDue(generatedLength, rotationGrace ?? null)).rotated;
  }
}
