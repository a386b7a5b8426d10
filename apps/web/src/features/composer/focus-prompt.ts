export const promptFieldId = 'prompt';

/** Puts the cursor behind the last letter, once the text of this turn is in the field. */
export const focusPrompt = () =>
  requestAnimationFrame(() => {
    const field = document.getElementById(promptFieldId);
    if (!(field instanceof HTMLTextAreaElement)) return;
    field.focus();
    field.setSelectionRange(field.value.length, field.value.length);
  });
