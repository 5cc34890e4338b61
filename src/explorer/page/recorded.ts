/** Questions about the samples with the original's answers: put here by the build. */
declare const RECORDED_ANSWERS: readonly {
  readonly pictures: readonly string[];
  readonly question: string;
  readonly answer: string;
}[];

/** What the original answered, if it was asked just that. */
export const recordedAnswer = (pictures: readonly string[], question: string): string | undefined =>
  RECORDED_ANSWERS.find((asked) => asked.question === question && String(asked.pictures) === String(pictures))?.answer;

/** Questions that the model was taught. */
export const EXAMPLES: readonly string[] = [...new Set(RECORDED_ANSWERS.map(({ question }) => question))];

/** The language of a text, as `lang` has it: of the two that the model was taught. */
export const languageOf = (text: string): 'zh' | 'en' => (/\p{Script=Han}/u.test(text) ? 'zh' : 'en');
