/** One of several, by name. */
export function Select(given: {
  readonly label: string;
  readonly value: string;
  /** What each is called, by its name. */
  readonly choices: Readonly<Record<string, string>>;
  readonly onChoose: (name: string) => void;
}) {
  return (
    <label>
      {given.label}{' '}
      <select value={given.value} onChange={({ currentTarget }) => given.onChoose(currentTarget.value)}>
        {Object.entries(given.choices).map(([name, called]) => (
          <option key={name} value={name}>
            {called}
          </option>
        ))}
      </select>
    </label>
  );
}
