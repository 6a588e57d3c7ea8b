export { type Check, checkOf, judgedChecks, plannedChecks, type Reached } from './check.js';
export { type Decision, type RefusedRequest, subjectOf } from './decision.js';
export { DecisionLog } from './decision-log.js';
export { DecisionStore, isOwn } from './decision-store.js';
export { DecisionsModule } from './decisions.module.js';
export {
  CHECKS_ANSWER,
  DECISION_ANSWER,
  toChecksAnswer,
  toDecisionAnswer,
  toSubjectAnswer,
  type View,
} from './answers.js';
