import type { Certificate } from './erasure.js';

/** Keep it: what the gateway keeps says that somebody was erased, and only this says who. */
export function toCertificateAnswer(certificate: Certificate): object {
  return {
    certificate_id: certificate.id,
    erased_at: certificate.at.toISOString(),
    subject: certificate.subject,
    subject_salt: certificate.subjectSalt,
    subject_commitment: certificate.subjectCommitment,
    stand_in: certificate.standIn,
    erased: certificate.counts,
    not_covered: certificate.untouched,
  };
}
