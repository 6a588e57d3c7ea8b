export { ReadingApartModule } from './apart/reading-apart.module.js';
export { AdminModule, ProbesModule } from './admin.module.js';
export { DecisionRoutesModule } from './decisions/decision-routes.module.js';
export { AccessRecorder } from './audit/access-recorder.js';
export { Disclosure } from './privacy/disclosure.js';
export { Erasure } from './privacy/erasure.js';
export { toCertificateAnswer } from './privacy/privacy-answers.js';
export { isFormPath, isSamlPath, SAML_POST_BYTES } from './sign-in/form-paths.js';
