import { defineErrors } from "../../platform/errors.ts";

/** Refusals of client_onboarding. */
export const onboardingErrors = defineErrors({
  webhook_signature_invalid: { status: 401, title: "The signature of the delivery is not good" },
  form_taken: { status: 409, title: "Somebody else has registered this form" },
  form_busy: { status: 409, title: "Another change of this form is under way; try again shortly" },
  typeform_form_unknown: { status: 422, title: "TypeForm does not know this form" },
  typeform_refused_values: { status: 422, title: "TypeForm does not take these values" },
  typeform_key_refused: { status: 502, title: "TypeForm does not accept the key" },
  typeform_busy: { status: 503, title: "TypeForm takes no more calls now; try again later" },
});
