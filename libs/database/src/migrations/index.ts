import { FirstSchema1700000000001 } from './1700000000001-first-schema.js';
import { Governed1700000000002 } from './1700000000002-governed.js';
import { People1700000000003 } from './1700000000003-people.js';
import { MoneyNouns1700000000004 } from './1700000000004-money-nouns.js';
import { Models1700000000005 } from './1700000000005-models.js';
import { TenancyWall1700000000006 } from './1700000000006-tenancy-wall.js';
import { Trust1700000000007 } from './1700000000007-trust.js';
import { SharedCounters1700000000009 } from './1700000000009-shared-counters.js';
import { GovernedResets1700000000010 } from './1700000000010-governed-resets.js';
import { Sessions1700000000011 } from './1700000000011-sessions.js';
import { SignInFlows1700000000012 } from './1700000000012-sign-in-flows.js';
import { Decisions1700000000014 } from './1700000000014-decisions.js';
import { Scim1700000000013 } from './1700000000013-scim.js';
import { JwtKeyMappings1700000000016 } from './1700000000016-jwt-key-mappings.js';
import { Spend1700000000008 } from './1700000000008-spend.js';
import { FastWalls1700000000017 } from './1700000000017-fast-walls.js';
import { TagLimits1700000000018 } from './1700000000018-tag-limits.js';
import { CustomRoles1700000000019 } from './1700000000019-custom-roles.js';
import { TeamAndTagSums1700000000020 } from './1700000000020-team-and-tag-sums.js';
import { DailyParts1700000000021 } from './1700000000021-daily-parts.js';
import { AccessGroupsOfUsers1700000000024 } from './1700000000024-access-groups-of-users.js';
import { PassThroughEndpoints1700000000025 } from './1700000000025-pass-through-endpoints.js';
import { BeyondTheWall1700000000026 } from './1700000000026-beyond-the-wall.js';
import { TagsOfOrganizations1700000000027 } from './1700000000027-tags-of-organizations.js';
import { PeopleElsewhere1700000000029 } from './1700000000029-people-elsewhere.js';

/** In the order they run. Append only. */
export const MIGRATIONS = [
  FirstSchema1700000000001,
  Governed1700000000002,
  People1700000000003,
  MoneyNouns1700000000004,
  Models1700000000005,
  TenancyWall1700000000006,
  Trust1700000000007,
  Spend1700000000008,
  SharedCounters1700000000009,
  GovernedResets1700000000010,
  Sessions1700000000011,
  SignInFlows1700000000012,
  Scim1700000000013,
  Decisions1700000000014,
  JwtKeyMappings1700000000016,
  FastWalls1700000000017,
  TagLimits1700000000018,
  CustomRoles1700000000019,
  TeamAndTagSums1700000000020,
  DailyParts1700000000021,
  AccessGroupsOfUsers1700000000024,
  PassThroughEndpoints1700000000025,
  BeyondTheWall1700000000026,
  TagsOfOrganizations1700000000027,
  PeopleElsewhere1700000000029,
];
