/** A comment of the sources: paragraphs, with code where the comment has it. Tags like `@param` are left out. */
export function Prose({ comment }: { comment: string }) {
  const [text] = comment.split(/^@/m);
  const parts = text.split(/^```\n([\s\S]*?)^```$/m);
  return (
    <>
      {parts.map((part, i) => (i % 2 === 1 ? <pre key={i}>{part.trimEnd()}</pre> : <Paragraphs key={i} text={part} />))}
    </>
  );
}

const Paragraphs = ({ text }: { text: string }) => (
  <>
    {text
      .split(/\n\s*\n/)
      .filter((paragraph) => paragraph.trim() !== '')
      .map((paragraph, i) => (
        <p key={i}>
          <Inline text={paragraph} />
        </p>
      ))}
  </>
);

/** A line in which `code` is marked. */
export const Inline = ({ text }: { text: string }) => (
  <>{text.split(/`([^`]*)`/).map((part, i) => (i % 2 === 1 ? <code key={i}>{part}</code> : part))}</>
);
