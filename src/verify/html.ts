export const page = (made: unknown, verdicts: unknown): string => String(made) + String(verdicts);
