import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { addOwn } from '../pictures/list.ts';

/** Why there is no camera. */
const REFUSALS: Readonly<Record<string, string>> = {
  NotAllowedError:
    'the camera is refused: allow it for this page in the browser’s settings, or add a picture otherwise',
  NotFoundError: 'there is no camera: add a picture otherwise',
  NotReadableError: 'the camera is used by another program: end that, and try again',
};

/** Shows what the camera sees, and takes a picture of it. The camera is off as soon as this is left. */
export function Camera({ onClose }: { onClose(): void }) {
  const video = useRef<HTMLVideoElement>(null);
  const refused = useSignal<string | undefined>(undefined);
  const ready = useSignal(false);
  useEffect(() => {
    let stream: MediaStream | undefined;
    let left = false;
    const off = () => {
      for (const track of stream?.getTracks() ?? []) track.stop();
    };
    (async () => {
      if (!navigator.mediaDevices) throw new Error('a page that is not secure (https, or this machine) has no camera');
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' } });
      if (left) return off();
      video.current!.srcObject = stream;
      video.current!.scrollIntoView({ block: 'nearest' });
      // A muted video that is left to play by itself stands still, without a frame, while it is below the window's edge.
      await video.current!.play();
    })().catch((error: Error) => {
      if (!left) refused.value = REFUSALS[error.name] ?? error.message;
    });
    return () => {
      left = true;
      off();
    };
  }, []);
  const take = async () => {
    try {
      const source = await createImageBitmap(video.current!);
      onClose();
      await addOwn([{ name: 'camera', source }]);
    } catch (error) {
      refused.value = `the camera gave no picture (${(error as Error).message}): try again`;
    }
  };
  return (
    <section class="camera" aria-label="Camera">
      {refused.value ? (
        <p role="alert">{refused.value}</p>
      ) : (
        <video
          ref={video}
          muted
          playsInline
          onLoadedData={() => {
            ready.value = true;
          }}
        />
      )}
      <div class="row">
        <button type="button" disabled={!ready.value} onClick={() => void take()}>
          Take the picture
        </button>
        <button type="button" onClick={onClose}>
          Close the camera
        </button>
      </div>
    </section>
  );
}
