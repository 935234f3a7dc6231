! SPDX-License-Identifier: Apache-2.0
! usage: fortran_surrogate DIRECTORY < points > predictions
! An exported learner in Fortran, without LibTorch. Prints for each target mean and deviation.
program fortran_surrogate
  use, intrinsic :: iso_c_binding
  use assay_surrogate
  implicit none
  type(c_ptr) :: surrogate
  character(1000) :: directory
  real(c_double), allocatable :: point(:), mean(:), deviation(:), jacobian(:, :)
  integer :: i, ended

  call get_command_argument(1, directory)
  if (assay_surrogate_open(directory, surrogate) < 0) call fail()
  allocate (point(assay_surrogate_input_size(surrogate)))
  allocate (mean(assay_surrogate_target_size(surrogate)), deviation(assay_surrogate_target_size(surrogate)))
  allocate (jacobian(size(point), size(mean)))
  do
    read (*, *, iostat=ended) point
    if (ended /= 0) exit
    if (assay_surrogate_predict_with_jacobian(surrogate, 1_c_int64_t, point, mean, jacobian, deviation) < 0) call fail()
    if (assay_surrogate_inside(surrogate, point) /= 1) call fail()
    if (all(jacobian == 0)) call fail()
    do i = 1, size(mean)
      print '(es23.15, 1x, es23.15)', mean(i), deviation(i)
    end do
  end do
  call assay_surrogate_close(surrogate)

contains

  subroutine fail()
    use, intrinsic :: iso_fortran_env, only: error_unit
    write (error_unit, '(2a)') 'fortran_surrogate: ', assay_surrogate_message()
    stop 1
  end subroutine

end program
