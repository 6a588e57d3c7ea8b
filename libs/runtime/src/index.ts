export { AccessGroupIndex } from './access-group-index.js';
export { type AccessGroupDraft, AccessGroups, type AccessGroupView } from './access-groups.js';
export {
  type CredentialChange,
  Credentials,
  type CredentialView,
  type NewCredential,
} from './credentials.js';
export { type CatalogueRow, LiveCatalogue } from './live-catalogue.js';
export { type EndpointView } from './endpoint-view.js';
export { type EndpointSettings, PassThroughEndpoints } from './pass-through-endpoints.js';
export { type ModelGroupMembers, ModelGroups, type TaggedModels } from './model-groups.js';
export { type ModelChange, Models, type ModelView, type NewModel } from './models.js';
export { RuntimeModule } from './runtime.module.js';
export { RuntimeStore } from './runtime-store.js';
export { Settings, type SettingsReceipt, type SettingView } from './settings.js';
export { shownInfo, shownParams } from './stored-params.js';
